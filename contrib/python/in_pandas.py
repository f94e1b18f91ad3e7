"""Five questions to an archive that fits into memory, for pandas; docs/use/archive.md says how to read it.

    python3 contrib/python/in_pandas.py /srv/honeyxdp/archive
    python3 contrib/python/in_pandas.py s3://bucket/prefix
"""

import json
import sys

import pandas
import pyarrow
import pyarrow.dataset
import pyarrow.fs

import files_that_count


def listed(files, directory):
    """Names of a table's files. A list of names, because pyarrow passes over those in a directory that begin with `_`."""
    return [found.path for found in files.get_file_info(pyarrow.fs.FileSelector(directory, recursive=True))]


def read(archive, table, columns):
    """Columns of a table. Files of older versions have fewer, which are null: pyarrow by itself takes the first file's."""
    files, root = pyarrow.fs.FileSystem.from_uri(archive) if "://" in archive else (pyarrow.fs.LocalFileSystem(), archive)
    paths = files_that_count.of(lambda: listed(files, f"{root}/{table}"))
    parts = [pyarrow.dataset.dataset(path, filesystem=files, format="parquet") for path in paths]
    rows = pyarrow.dataset.dataset(parts, schema=pyarrow.unify_schemas([part.schema for part in parts]))
    return rows.to_table(columns=columns).to_pandas(types_mapper=nullable)


def nullable(kind):
    """Integers that may be null as they are: pandas would make floating point numbers of them."""
    if pyarrow.types.is_integer(kind):
        return pandas.ArrowDtype(kind)
    return None


def sources(rows):
    """One of src and src6 is set, and nunique passes over nulls: the sum is exact."""
    return int(rows["src"].nunique() + rows["src6"].nunique())


def groups(rows, column):
    """Rows by what is in a column, in its order; those with null too, which pandas drops unless it is told, at the end."""
    found = {None if pandas.isna(key) else key: group for key, group in rows.groupby(column, observed=True, dropna=False)}
    return sorted(found.items(), key=lambda group: (group[0] is None, group[0]))


def total(column):
    """The sum; None where all are null."""
    known = column.dropna()
    return None if known.empty else int(known.astype("uint64").sum())


def answer(question, **values):
    print(json.dumps({"question": question} | values))


def main(archive):
    flows = read(archive, "flows", ["sensor", "family", "country", "dst_port", "packets", "src", "src6"])
    for family, rows in groups(flows, "family"):
        answer("families", family=family, packets=total(rows["packets"]), sources=sources(rows))
    for country, rows in groups(flows, "country"):
        answer("countries", country=country, packets=total(rows["packets"]), sources=sources(rows))
    ports = [(total(rows["packets"]), dst_port, rows) for dst_port, rows in groups(flows, "dst_port")]
    for packets, dst_port, rows in sorted(ports, key=lambda port: (-port[0], port[1]))[:10]:
        answer("ports", dst_port=dst_port, packets=packets, sources=sources(rows))
    # Each sensor's own; without a sensor: those of all together, which are fewer than the sum.
    for sensor, rows in groups(flows, "sensor"):
        answer("sensors", sensor=sensor, sources=sources(rows))
    answer("sensors", sensor=None, sources=sources(flows))
    # SYNs that were counted, and those of them that are in no row; payloads that are in no row, null where nobody looked at any.
    accounting = read(archive, "accounting", ["sensor", "syns", "lost", "sampled_out", "dropped_by_archive", "payloads_lost"])
    for sensor, rows in groups(accounting, "sensor"):
        missing = total(rows["lost"]) + total(rows["sampled_out"]) + total(rows["dropped_by_archive"])
        answer("missing", sensor=sensor, syns=total(rows["syns"]), missing=missing, payloads_missing=total(rows["payloads_lost"]))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: in_pandas.py ARCHIVE")
    main(sys.argv[1].rstrip("/"))
