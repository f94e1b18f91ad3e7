-- The rules that told exploits, and those that told families by payloads, with how many payloads each of them told.
SELECT 'exploit' AS tells, exploit AS name, exploit_rule_id AS rule, exploit_confidence AS confidence, sum(payloads) AS payloads
FROM month_exploits WHERE exploit IS NOT NULL GROUP BY exploit, exploit_rule_id, exploit_confidence
UNION ALL
SELECT 'family' AS tells, family AS name, rule_id AS rule, family_confidence AS confidence, sum(payloads) AS payloads
FROM month_exploits WHERE attribution_source = 'payload' GROUP BY family, rule_id, family_confidence
ORDER BY tells, name, rule, confidence
