-- URLs that payloads of one day have something loaded from, by source.
SELECT DATE '{day}' AS day, url_host, url_path, url_file, src, CAST(src6 AS BYTEA) AS src6, count(*) AS payloads
FROM payloads
WHERE url_host IS NOT NULL AND {sent}
GROUP BY url_host, url_path, url_file, src, src6
