-- With days as buckets, the counts of the days are those of the buckets.
SELECT day AS bucket, * FROM {counts}
