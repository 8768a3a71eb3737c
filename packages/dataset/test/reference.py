"""What pandas, scikit-learn, pyarrow and datasets make of the same rows: the reference of the tests beside this file.

Reads one job a line from standard input as JSON, and answers each with one line of JSON on standard output.
"""

import hashlib
import json
import re
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset, disable_progress_bars, load_from_disk
from sklearn.model_selection import train_test_split


def main() -> None:
    """Answer the jobs that standard input names, until it ends."""
    disable_progress_bars()
    for line in sys.stdin:
        job = json.loads(line)
        answer = JOBS[job.pop("job")](**job)
        print(json.dumps(answer), flush=True)


def splits(cases: list[list[Any]]) -> list[Any]:
    """Digests of train and test for each (rows, test_size, seed); None where scikit-learn raises."""
    found: list[Any] = []
    for rows, test_size, seed in cases:
        try:
            parts = train_test_split(np.arange(rows, dtype="<u4"), test_size=test_size, random_state=seed)
        except ValueError:
            found.append(None)
        else:
            found.append([hashlib.sha256(part.tobytes()).hexdigest() for part in parts])
    return found


def compare(
    files: list[str],
    output: str,
    columns: dict[str, str],
    split: dict[str, Any] | str,
    system_prompt: str | None = None,
) -> dict[str, Any]:
    """Differences, by part, between prepared data and that of pandas, scikit-learn and datasets; empty when equal."""
    frame = read_frame(files)
    prefix = "" if system_prompt is None else f"{system_prompt}\n\n"
    frame["messages"] = frame.apply(
        lambda row: [
            {"content": prefix + row[columns["user"]], "role": "user"},
            {"content": row[columns["assistant"]], "role": "assistant"},
        ],
        axis=1,
    )
    if split == "none":
        frames = {"train": frame}
    else:
        assert isinstance(split, dict)
        train, test = train_test_split(frame, test_size=split["test_size"], random_state=split["seed"])
        frames = {"train": train, "test": test}
    present = sorted(path.name for path in Path(output).iterdir())
    found: dict[str, Any] = {} if present == sorted(frames) else {"parts": present}
    for part, expected_frame in frames.items():
        folder = Path(output) / part
        expected_folder = Path(output) / f"expected-{part}"
        Dataset.from_pandas(expected_frame).save_to_disk(expected_folder)
        differences = table_differences(load_from_disk(str(folder)), load_from_disk(str(expected_folder)))
        if differences:
            found[part] = differences
    return found


def read_frame(files: list[str]) -> pd.DataFrame:
    """One frame of all files, text as Python strings, as pandas 2 has it by default."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pd.set_option("future.infer_string", False)
    if files[0].endswith(".parquet"):
        return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    return pd.DataFrame([row for file in files for row in json.loads(Path(file).read_text("utf-8"))])


def refusal(files: list[str]) -> str | None:
    """Name of the error with which pandas and datasets refuse the rows; None where they take them."""
    try:
        Dataset.from_pandas(read_frame(files))
    except Exception as error:
        return type(error).__name__
    return None


def table_differences(prepared: Dataset, expected: Dataset) -> list[str]:
    """How two datasets differ in columns, types or cells."""
    if prepared.column_names != expected.column_names:
        return [f"columns {prepared.column_names} instead of {expected.column_names}"]
    if prepared.features != expected.features:
        return [f"features {prepared.features} instead of {expected.features}"]
    tables = [dataset.data.table.replace_schema_metadata(None) for dataset in (prepared, expected)]
    for table in tables:
        table.validate(full=True)
    if tables[0].schema != tables[1].schema:
        return [f"schema {tables[0].schema} instead of {tables[1].schema}"]
    return [
        f"column {name}"
        for name in tables[0].column_names
        if tables[0][name].combine_chunks() != tables[1][name].combine_chunks()
    ]


def rows_of(folder: str) -> dict[str, Any]:
    """Features, and all rows, of prepared data."""
    dataset = load_from_disk(folder)
    return {"features": {name: str(value) for name, value in dataset.features.items()}, "rows": dataset.to_list()}


def digest_of(folder: str) -> dict[str, Any]:
    """Original rows in order, and sha256 over the rows as sorted JSON, one a line."""
    dataset = load_from_disk(folder)
    lines = "\n".join(json.dumps(row, sort_keys=True) for row in dataset)
    return {
        "original_row": dataset["__index_level_0__"][:],
        "rows_sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }


def data_report(parts: dict[str, Any], prefix: str, edges: dict[str, Any], max_length: int) -> dict[str, Any]:
    """The report on parts, each a list of [user, assistant, instruction]; edges are those of the histograms.

    Tokens are counted in every row, by a pattern; the template has eight.
    """
    found: dict[str, Any] = {
        part: part_report(rows, prefix, edges[part], max_length) for part, rows in parts.items()
    }
    train, test = parts["train"], parts.get("test", [])
    columns = {
        "q": lambda row: row[0],
        "orig_instruction": lambda row: row[2],
        "conversation": lambda row: (row[0], row[1]),
    }
    repeats = {}
    for name, text in columns.items():
        in_train, in_test = ([text(row) for row in rows if text(row) is not None] for rows in (train, test))
        repeats[name] = {
            "train_distinct": len(known := set(in_train)),
            "test_distinct": len(set(in_test)),
            "test_rows_in_train": sum(value in known for value in in_test),
        }
    whole = repeats.pop("conversation")
    found["repeats"] = repeats
    found["duplicates"] = {
        "train_rows": len(train) - whole["train_distinct"],
        "test_rows": len(test) - whole["test_distinct"],
        "test_rows_in_train": whole["test_rows_in_train"],
    }
    return found


def part_report(rows: list[list[Any]], prefix: str, edges: dict[str, Any], max_length: int) -> dict[str, Any]:
    """The report on one part."""
    users = [prefix + row[0] for row in rows]
    answers = [row[1] for row in rows]
    characters = {
        "user": [len(text) for text in users],
        "assistant": [len(text) for text in answers],
        "conversation": [len(user) + len(answer) for user, answer in zip(users, answers, strict=True)],
    }
    texts = [sum(len(TOKEN.findall(text)) for text in pair) for pair in zip(users, answers, strict=True)]
    tokens = np.array(texts) + 8
    verdicts = Counter(verdict(answer) for answer in answers)
    kinds = set(verdicts) - {"none", "other"}
    scales = {"1-5": set("12345"), "A/B": set("AB")}
    return {
        "rows": len(rows),
        "characters": {name: length_summary(np.array(of), edges[name]) for name, of in characters.items()},
        "empty": {
            "user": sum(not row[0].strip() for row in rows),
            "assistant": sum(not row[1].strip() for row in rows),
        },
        "short_answers": sum(bool(answer.strip()) and len(answer) < 40 for answer in answers),
        "verdicts": verdicts,
        "verdict_scale": next((name for name, scale in scales.items() if kinds and kinds <= scale), None),
        "tokens": {
            "counted_rows": len(rows),
            "estimated": False,
            "per_character": sum(texts) / sum(characters["conversation"]),
            "mean": tokens.mean(),
            "percentiles": percentiles(tokens),
            "max_length": max_length,
            "rows_over_max_length": int((tokens > max_length).sum()),
        },
    }


TOKEN = re.compile(r"\w{1,4}|\W", re.ASCII)


def verdict(answer: str) -> str:
    """What follows the last mark, if it is one short word."""
    _, mark, last = answer.rpartition("[RESULT]")
    if not mark:
        return "none"
    return last.strip() if re.fullmatch(r"[\w.+-]{1,8}", last.strip(), re.ASCII) else "other"


def length_summary(lengths: Any, edges: list[int]) -> dict[str, Any]:
    """Total, mean, extremes, percentiles and histogram of lengths."""
    return {
        "total": int(lengths.sum()),
        "mean": lengths.mean(),
        "min": int(lengths.min()),
        "max": int(lengths.max()),
        "percentiles": percentiles(lengths),
        "histogram": {"edges": edges, "counts": np.histogram(lengths, bins=edges)[0].tolist()},
    }


def percentiles(lengths: Any) -> dict[str, int]:
    """Percentiles by nearest rank."""
    return {f"p{q}": int(np.percentile(lengths, q, method="inverted_cdf")) for q in (5, 25, 50, 75, 95, 99)}


def write_parquet(rows: list[dict[str, Any]], types: dict[str, str], path: str, options: dict[str, Any]) -> None:
    """Write rows as Parquet with pyarrow's writer."""
    schema = pa.schema([(name, getattr(pa, kind)()) for name, kind in types.items()])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, **options)


def write_arrow(
    rows: list[dict[str, Any]],
    folder: str,
    parquet: dict[str, Any] | None = None,
    types: dict[str, str] | None = None,
) -> None:
    """Write rows as rows.parquet, rows.arrow (a stream), rows.feather (a file) and saved/ (by datasets), small batches."""
    kinds = {"dictionary": pa.dictionary(pa.int16(), pa.string())}
    fields = [(name, kinds.get(kind) or getattr(pa, kind)()) for name, kind in (types or {}).items()]
    table = pa.Table.from_pylist(rows, schema=pa.schema(fields) if fields else None)
    pq.write_table(table, f"{folder}/rows.parquet", **(parquet or {}))
    for name, writer in (("rows.arrow", pa.ipc.new_stream), ("rows.feather", pa.ipc.new_file)):
        with writer(f"{folder}/{name}", table.schema) as sink:
            sink.write_table(table, max_chunksize=17)
    Dataset(table).save_to_disk(f"{folder}/saved", num_shards=min(2, len(rows)))


def write_padded_messages(rows: list[dict[str, Any]], folder: str) -> None:
    """Write rows whose messages have keys of many types, null where a message lacks them, in all formats of datasets."""
    message = pa.struct(
        {
            "role": pa.string(),
            "content": pa.string(),
            "name": pa.string(),
            "weight": pa.int64(),
            "score": pa.float32(),
            "train": pa.bool_(),
            "at": pa.timestamp("us"),
            "raw": pa.binary(),
            "nothing": pa.null(),
            "function": pa.struct({"name": pa.string(), "arguments": pa.struct({"x": pa.int64()})}),
            "tool_calls": pa.list_(pa.struct({"id": pa.string(), "function": pa.struct({"name": pa.string()})})),
        }
    )
    table = pa.Table.from_pylist(rows, schema=pa.schema({"messages": pa.list_(message)}))
    pq.write_table(table, f"{folder}/rows.parquet", row_group_size=7)
    for name, writer in (("rows.arrow", pa.ipc.new_stream), ("rows.feather", pa.ipc.new_file)):
        with writer(f"{folder}/{name}", table.schema) as sink:
            sink.write_table(table, max_chunksize=5)
    Dataset(table).save_to_disk(f"{folder}/saved")
    pd.DataFrame(rows_with_all_keys(table)).to_json(f"{folder}/rows.jsonl", orient="records", lines=True)
    pd.DataFrame(rows_with_all_keys(table)).to_json(f"{folder}/rows.json", orient="records")


def rows_with_all_keys(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as Python reads them from Arrow, with every key in every message."""
    return [
        {"messages": [{key: value for key, value in message.items() if key != "raw"} for message in row["messages"]]}
        for row in table.to_pylist()
    ]


def write_twin_fields(folder: str) -> None:
    """Write messages whose struct has two fields of one name."""
    fields = [pa.field(name, pa.string()) for name in ("role", "content", "content")]
    values = [pa.array(column) for column in (["user", "assistant"], ["first", "a"], ["second", "b"])]
    messages = pa.ListArray.from_arrays(pa.array([0, 2]), pa.StructArray.from_arrays(values, fields=fields))
    table = pa.table({"messages": messages})
    pq.write_table(table, f"{folder}/rows.parquet")
    with pa.ipc.new_stream(f"{folder}/rows.arrow", table.schema) as sink:
        sink.write_table(table)


def write_untyped_arrow(values: list[list[int]], path: str) -> None:
    """Write columns instruction and output as an Arrow stream of text whose bytes are as given."""
    column = pa.array([bytes(value) for value in values], type=pa.binary()).view(pa.string())
    table = pa.table({"instruction": column, "output": column})
    with pa.ipc.new_stream(path, table.schema) as sink:
        sink.write_table(table)


def write_untyped_text(values: list[list[int]], path: str) -> None:
    """Write columns q and a as Parquet text whose bytes are as given, valid UTF-8 or not."""
    column = pa.array([bytes(value) for value in values], type=pa.binary()).view(pa.string())
    pq.write_table(pa.table({"q": column, "a": column}), path)


JOBS = {
    "splits": splits,
    "compare": compare,
    "refusal": refusal,
    "rows_of": rows_of,
    "digest_of": digest_of,
    "data_report": data_report,
    "write_parquet": write_parquet,
    "write_arrow": write_arrow,
    "write_padded_messages": write_padded_messages,
    "write_twin_fields": write_twin_fields,
    "write_untyped_arrow": write_untyped_arrow,
    "write_untyped_text": write_untyped_text,
}

if __name__ == "__main__":
    main()
