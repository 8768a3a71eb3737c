"""Tokens of prepared conversations, counted by the tokenizers library: FOLDER TOKENIZER_JSON → mean, longest."""

import json
import sys

from datasets import load_from_disk
from tokenizers import Tokenizer

rows = load_from_disk(sys.argv[1])
tokenizer = Tokenizer.from_file(sys.argv[2])
counts = [
    sum(
        len(tokenizer.encode(message["content"], add_special_tokens=False).ids) for message in row["messages"]
    )
    for row in rows
]
print(json.dumps({"mean": sum(counts) / len(counts), "over_1200": sum(count > 1200 for count in counts)}))
