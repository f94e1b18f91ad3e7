-- SYNs of the days of a month in one file: a report then opens fewer.
SELECT * FROM {ports}
