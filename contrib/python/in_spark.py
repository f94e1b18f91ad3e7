"""Five questions to an archive, for Spark; docs/use/archive.md says how to read it.

    spark-submit contrib/python/in_spark.py /srv/honeyxdp/archive
    spark-submit --packages org.apache.hadoop:hadoop-aws:3.5.0 contrib/python/in_spark.py s3a://bucket/prefix
"""

import sys

from pyspark.sql import SparkSession

import files_that_count

QUESTIONS = {
    # One of src and src6 is set, and count(DISTINCT) passes over nulls: the sum is exact.
    "families": """
        SELECT family, sum(packets) AS packets, count(DISTINCT src) + count(DISTINCT src6) AS sources
        FROM flows GROUP BY family ORDER BY family""",
    "countries": """
        SELECT country, sum(packets) AS packets, count(DISTINCT src) + count(DISTINCT src6) AS sources
        FROM flows GROUP BY country ORDER BY country NULLS LAST""",
    "ports": """
        SELECT dst_port, sum(packets) AS packets, count(DISTINCT src) + count(DISTINCT src6) AS sources
        FROM flows GROUP BY dst_port ORDER BY packets DESC, dst_port LIMIT 10""",
    # Each sensor's own; without a sensor: those of all together, which are fewer than the sum.
    "sensors": """
        SELECT sensor, count(DISTINCT src) + count(DISTINCT src6) AS sources
        FROM flows GROUP BY GROUPING SETS ((sensor), ()) ORDER BY sensor NULLS LAST""",
    # SYNs that were counted, and those of them that are in no row; payloads that are in no row, null where nobody looked at
    # any. Spark has no unsigned integers of 64 bits: they are decimals.
    "missing": """
        SELECT sensor, CAST(sum(syns) AS BIGINT) AS syns,
            CAST(sum(lost + sampled_out + dropped_by_archive) AS BIGINT) AS missing,
            CAST(sum(payloads_lost) AS BIGINT) AS payloads_missing
        FROM accounting GROUP BY sensor ORDER BY sensor""",
}


def listed(spark, archive, table):
    """Names of a table's files. Hadoop's own list, because Spark's passes over names that begin with `_`."""
    pattern = spark._jvm.org.apache.hadoop.fs.Path(f"{archive}/{table}/date=*/*.parquet")
    found = pattern.getFileSystem(spark._jsc.hadoopConfiguration()).globStatus(pattern)
    return [status.getPath().toString() for status in found]


def read(spark, archive, table):
    """A table's rows. Files of older versions have fewer columns, which are null."""
    paths = files_that_count.of(lambda: listed(spark, archive, table))
    reader = spark.read.option("mergeSchema", "true").option("basePath", f"{archive}/{table}")
    # Earlier builds gave names that begin with `_`, and Spark would pass over them.
    frame = reader.option("ignoredPathSegmentRegex", r"^\.").parquet(*paths)
    if len(frame.inputFiles()) != len(paths):
        sys.exit("Spark passes over files whose names begin with _: take version 4.3 or later")
    return frame


def main(archive):
    spark = SparkSession.builder.appName("honeyxdp").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    for table in ("flows", "accounting"):
        read(spark, archive, table).createOrReplaceTempView(table)
    for question, query in QUESTIONS.items():
        rows = spark.sql(f"SELECT '{question}' AS question, * FROM ({query})")
        for line in rows.selectExpr("to_json(struct(*), map('ignoreNullFields', 'false')) AS line").collect():
            print(line.line)
    spark.stop()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: spark-submit in_spark.py ARCHIVE")
    main(sys.argv[1].rstrip("/"))
