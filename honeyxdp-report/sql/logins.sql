-- The pairs of user and password that were tried most in the period, the first 100, and their share of all pairs that were tried.
WITH pairs AS (
    SELECT username, password, sum(logins) AS logins FROM month_logins GROUP BY username, password
), tried AS (
    SELECT CAST(sum(logins) AS DOUBLE) AS logins FROM pairs
)
SELECT username, password, pairs.logins AS logins, pairs.logins / tried.logins AS share
FROM pairs CROSS JOIN tried
ORDER BY logins DESC, username, password
LIMIT 100
