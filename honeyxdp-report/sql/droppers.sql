-- The URLs that most payloads of the period have something loaded from, the first 100.
WITH once AS (
    SELECT url_host, url_path, url_file, src, src6, sum(payloads) AS payloads, min(first_day) AS first_day,
           max(last_day) AS last_day
    FROM month_droppers
    GROUP BY url_host, url_path, url_file, src, src6
)
SELECT url_host AS host, url_path AS path, url_file AS file, sum(payloads) AS payloads, count(*) AS sources,
       CAST(min(first_day) AS DATE) AS first_day, CAST(max(last_day) AS DATE) AS last_day
FROM once
GROUP BY url_host, url_path, url_file
ORDER BY payloads DESC, host, path NULLS LAST, file NULLS LAST
LIMIT 100
