-- With days as buckets, the sources of the days are those of the buckets.
SELECT day AS bucket, family, src, src6, country, packets FROM sources
