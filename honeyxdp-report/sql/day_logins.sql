-- Pairs of user and password of one day. Who went before the password gave no pair.
SELECT DATE '{day}' AS day, username, password, count(*) AS logins
FROM payloads
WHERE username IS NOT NULL AND password IS NOT NULL AND {sent}
GROUP BY username, password
