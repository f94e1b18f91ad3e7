-- Tables for a ClickHouse server that takes an archive in: contrib/clickhouse/ingest.sh, docs/use/archive.md.
--
--   clickhouse-client --queries-file contrib/clickhouse/schema.sql
--
-- A partition is a date, as a directory of the archive is, because a date is what is taken in at a time: whatever was there of it
-- is replaced as a whole. Columns are in the archive's order, after `date`; docs/use/archive.md says what they are.

CREATE DATABASE IF NOT EXISTS honeyxdp;

CREATE TABLE IF NOT EXISTS honeyxdp.flows
(
    date Date,
    sensor LowCardinality(String),
    site LowCardinality(Nullable(String)),
    interval_start DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    interval_end DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    family LowCardinality(String),
    rule_id LowCardinality(String),
    attributed_family LowCardinality(Nullable(String)),
    protocol UInt8,
    src Nullable(IPv4),
    src6 Nullable(IPv6),
    src_port_first Nullable(UInt16),
    src_port_last Nullable(UInt16),
    dst_port UInt16,
    packets UInt32 CODEC(T64, ZSTD),
    first_seen DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    last_seen DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    matched UInt16,
    tcp_window UInt16,
    ttl UInt8,
    dont_fragment Nullable(Bool),
    option_layout LowCardinality(Nullable(String)),
    options_length UInt8,
    options_head UInt32,
    ip_id UInt16,
    seq_first UInt32,
    seq_last UInt32,
    country LowCardinality(Nullable(String)),
    asn Nullable(UInt32),
    -- To look for one source or a network of either version. Do not count it: a forged IPv6 source may be IPv4-mapped.
    source IPv6 MATERIALIZED coalesce(src6, CAST(src, 'Nullable(IPv6)'), toIPv6('::'))
)
ENGINE = MergeTree
PARTITION BY date
ORDER BY (family, dst_port, source, first_seen);

CREATE TABLE IF NOT EXISTS honeyxdp.payloads
(
    date Date,
    sensor LowCardinality(String),
    site LowCardinality(Nullable(String)),
    interval_start DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    src Nullable(IPv4),
    src6 Nullable(IPv6),
    src_port UInt16,
    dst_port UInt16,
    protocol UInt8,
    capture_mode LowCardinality(String),
    exploit LowCardinality(Nullable(String)),
    exploit_rule_id LowCardinality(Nullable(String)),
    exploit_confidence LowCardinality(Nullable(String)),
    family LowCardinality(String),
    attribution_source LowCardinality(String),
    rule_id LowCardinality(Nullable(String)),
    family_confidence LowCardinality(Nullable(String)),
    url_host Nullable(String),
    url_path Nullable(String),
    url_file Nullable(String),
    username Nullable(String),
    password Nullable(String),
    length UInt32,
    payload String CODEC(ZSTD),
    country LowCardinality(Nullable(String)),
    asn Nullable(UInt32),
    source IPv6 MATERIALIZED coalesce(src6, CAST(src, 'Nullable(IPv6)'), toIPv6('::'))
)
ENGINE = MergeTree
PARTITION BY date
ORDER BY (family, dst_port, source, time);

CREATE TABLE IF NOT EXISTS honeyxdp.accounting
(
    date Date,
    sensor LowCardinality(String),
    site LowCardinality(Nullable(String)),
    interval_start DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    interval_end DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    frames UInt64,
    syns UInt64,
    packets UInt64,
    lost UInt64,
    sampled_out UInt64,
    dropped_by_archive UInt64,
    filtered UInt64,
    payloads Nullable(UInt64),
    payloads_lost Nullable(UInt64)
)
ENGINE = MergeTree
PARTITION BY date
ORDER BY (sensor, interval_start);

-- What a date was taken in from: all files that were in its directory then.
CREATE TABLE IF NOT EXISTS honeyxdp.ingested
(
    kind LowCardinality(String),
    date Date,
    files Array(String),
    at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (kind, date);

-- The five questions, of some dates: SELECT * FROM honeyxdp.families(since = '2019-11-01', until = '2019-11-30').
-- One of src and src6 is set, and uniqExact passes over nulls: the sum is exact, over all sensors and dates.

CREATE OR REPLACE VIEW honeyxdp.families AS
SELECT family, sum(flows.packets) AS packets, uniqExact(src) + uniqExact(src6) AS sources
FROM honeyxdp.flows AS flows
WHERE date BETWEEN {since:Date} AND {until:Date}
GROUP BY family
ORDER BY family;

CREATE OR REPLACE VIEW honeyxdp.countries AS
SELECT country, sum(flows.packets) AS packets, uniqExact(src) + uniqExact(src6) AS sources
FROM honeyxdp.flows AS flows
WHERE date BETWEEN {since:Date} AND {until:Date}
GROUP BY country
ORDER BY country NULLS LAST;

CREATE OR REPLACE VIEW honeyxdp.ports AS
SELECT dst_port, sum(flows.packets) AS packets, uniqExact(src) + uniqExact(src6) AS sources
FROM honeyxdp.flows AS flows
WHERE date BETWEEN {since:Date} AND {until:Date}
GROUP BY dst_port
ORDER BY packets DESC, dst_port;

-- Each sensor's own; without a sensor: those of all together, which are fewer than the sum.
CREATE OR REPLACE VIEW honeyxdp.sensors AS
SELECT sensor, uniqExact(src) + uniqExact(src6) AS sources
FROM honeyxdp.flows
WHERE date BETWEEN {since:Date} AND {until:Date}
GROUP BY GROUPING SETS ((sensor), ())
ORDER BY sensor NULLS LAST
SETTINGS group_by_use_nulls = 1;

-- SYNs that were counted, and those of them that are in no row; payloads that are in no row, null where nobody looked at any.
CREATE OR REPLACE VIEW honeyxdp.missing AS
SELECT
    sensor,
    sum(accounting.syns) AS syns,
    sum(lost + sampled_out + dropped_by_archive) AS missing,
    sum(payloads_lost) AS payloads_missing
FROM honeyxdp.accounting AS accounting
WHERE date BETWEEN {since:Date} AND {until:Date}
GROUP BY sensor
ORDER BY sensor;
