-- The rules that told exploits, and those that told families by payloads, with how many payloads each of them told.
SELECT 'exploit' AS tells, exploit AS name, exploit_rule AS rule, exploit_certainty AS certainty, sum(payloads) AS payloads
FROM month_exploits WHERE exploit IS NOT NULL GROUP BY exploit, exploit_rule, exploit_certainty
UNION ALL
SELECT 'family' AS tells, family AS name, evidence AS rule, family_certainty AS certainty, sum(payloads) AS payloads
FROM month_exploits WHERE decided_by = 'payload' GROUP BY family, evidence, family_certainty
ORDER BY tells, name, rule, certainty
