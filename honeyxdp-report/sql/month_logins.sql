-- Pairs of user and password of a month.
SELECT username, password, sum(logins) AS logins FROM {logins} GROUP BY username, password
