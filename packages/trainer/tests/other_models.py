"""Tiny random models of other architectures than Mistral's, with a small vocabulary of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEXTS = [
    "Grade response number 0 1 2 3 4 5 6 7 8 9.",
    "It says a little more. Feedback: it is clear clear [RESULT]",
    "system user assistant",
]
LLAMA_SPECIAL = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
]
QWEN_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n"
    "{{ message.content }}<|eot_id|>{% endfor %}"
)
LLAMA_MARKER = "<|start_header_id|>assistant<|end_header_id|>\n\n"
# The answer and its end are marked, the line break behind it is not.
MARKED_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{%- if message.role == 'assistant' %}{{ '\n' }}{% generation %}{{ message.content }}<|im_end|>"
    "{% endgeneration %}{% else %}{{ '\n' + message.content }}<|im_end|>{% endif %}{{ '\n' }}{% endfor %}"
)


def write_llama(folder: Path) -> Path:
    """A Llama without a padding token, whose tokenizer adds BOS, as that of Llama 3 does."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer(LLAMA_SPECIAL, bos="<|begin_of_text|>", eos="<|eot_id|>", pad=None)
    config = LlamaConfig(**_sizes(tokenizer), bos_token_id=tokenizer.bos_token_id, eos_token_id=4)
    return _write(folder, LlamaForCausalLM(config), tokenizer)


def write_qwen(folder: Path, chat_template: str | None = None) -> Path:
    """A Qwen 3, its output layer tied to the embeddings, without BOS."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = _tokenizer(QWEN_SPECIAL, bos=None, eos="<|im_end|>", pad="<|endoftext|>")
    tokenizer.chat_template = chat_template
    config = Qwen3Config(**_sizes(tokenizer), head_dim=8, tie_word_embeddings=True, eos_token_id=2)
    return _write(folder, Qwen3ForCausalLM(config), tokenizer)


def _sizes(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
    }


def _tokenizer(special: list[str], *, bos: str | None, eos: str, pad: str | None) -> Any:
    """Byte-level BPE, the special tokens first."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer: Any = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    if bos is not None:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        eos_token=eos,
        pad_token=pad,
        additional_special_tokens=[token for token in special if token not in (bos, eos, pad)],
    )


def _write(folder: Path, model: Any, tokenizer: Any) -> Path:
    import torch

    generator = torch.Generator().manual_seed(5)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.02, generator=generator)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
