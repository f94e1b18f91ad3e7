-- Sources per bucket, each once per family. {bucket} is day, week (from Monday) or month.
SELECT {bucket} AS bucket, family, src, src6, max(country) AS country, sum(packets) AS packets
FROM sources
GROUP BY {bucket}, family, src, src6
