-- Payloads of the period by exploit, family of the source and port. `logins` of them are logins, and of `decided` the payload
-- itself tells the family.
WITH once AS (
    SELECT exploit, family, dst_port, src, src6, sum(payloads) AS payloads, sum(logins) AS logins,
           sum(CASE attribution_source WHEN 'payload' THEN payloads ELSE 0 END) AS decided
    FROM month_exploits
    GROUP BY exploit, family, dst_port, src, src6
)
SELECT exploit, family, dst_port, sum(payloads) AS payloads, sum(logins) AS logins, sum(decided) AS decided, count(*) AS sources
FROM once
GROUP BY exploit, family, dst_port
ORDER BY payloads DESC, exploit NULLS LAST, family, dst_port
