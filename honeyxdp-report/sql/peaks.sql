-- The day with most SYNs and the day with most sources of every family, and how far above the median day they are.
WITH days AS (
    SELECT p.day, p.family, p.packets, s.sources
    FROM (SELECT day, family, sum(packets) AS packets FROM ports GROUP BY day, family) p
    JOIN (SELECT day, family, count(*) AS sources FROM sources GROUP BY day, family) s
    ON p.day = s.day AND p.family = s.family
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY family ORDER BY packets DESC, day) AS by_packets,
           row_number() OVER (PARTITION BY family ORDER BY sources DESC, day) AS by_sources
    FROM days
), middle AS (
    SELECT family, median(packets) AS packets, median(sources) AS sources FROM days GROUP BY family
)
SELECT p.family, CAST(p.day AS DATE) AS packets_day, p.packets, middle.packets AS median_packets,
       CAST(s.day AS DATE) AS sources_day, s.sources, middle.sources AS median_sources
FROM (SELECT * FROM ranked WHERE by_packets = 1) p
JOIN (SELECT * FROM ranked WHERE by_sources = 1) s ON p.family = s.family
JOIN middle ON p.family = middle.family
ORDER BY p.family
