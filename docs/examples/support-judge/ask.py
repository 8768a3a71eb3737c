"""Asks a judge for its verdict on an answer. Usage: ask.py JUDGE (the folder of the model)."""

import sys

from transformers import AutoModelForCausalLM, AutoTokenizer

QUESTION = """You judge answers of a support desk. Say what is right and wrong in the answer, then give a score from 1 to 5.

###Ticket:
The app stops when I open a photo.

###Answer:
Please buy more storage.

###Score from 1 to 5, with a reason:"""

model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
prompt = tokenizer.apply_chat_template(
    [{"role": "user", "content": QUESTION}], add_generation_prompt=True, return_tensors="pt", return_dict=True
)
answer = model.generate(**prompt, max_new_tokens=64, do_sample=False)
print(tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))
