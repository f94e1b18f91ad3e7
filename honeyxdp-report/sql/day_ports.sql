-- SYNs of one day by family, rule and destination port.
SELECT DATE '{day}' AS day, family, rule_id, dst_port, sum(packets) AS packets, count(*) AS flows
FROM flows
WHERE {when}
GROUP BY family, rule_id, dst_port
