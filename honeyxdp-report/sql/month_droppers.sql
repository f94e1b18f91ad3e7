-- URLs that payloads of a month have something loaded from, by source.
SELECT url_host, url_path, url_file, src, src6, sum(payloads) AS payloads, min(day) AS first_day, max(day) AS last_day
FROM {droppers}
GROUP BY url_host, url_path, url_file, src, src6
