-- What the sensors counted, and what of it is in no row: lost on the way from the kernel, left out by sampling, not
-- written. Filtered SYNs were not looked at, and are in none of the other numbers. Payloads are null where nobody looked at any.
SELECT sensor, count(*) AS intervals, sum(syns) AS syns, sum(packets) AS in_records, sum(lost) AS lost,
       sum(sampled_out) AS sampled_out, sum(dropped_by_archive) AS dropped_by_archive, sum(filtered) AS filtered,
       sum(payloads) AS payloads, sum(payloads_lost) AS payloads_lost
FROM accounting
WHERE {when}
GROUP BY sensor
ORDER BY sensor
