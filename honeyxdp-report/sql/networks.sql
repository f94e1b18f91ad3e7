-- The networks with most sources of a family, worldwide and in the home country. A source without one is one that GeoIP did not know.
WITH scoped AS (
    SELECT 'world' AS scope, family, asn, count(*) AS sources, sum(packets) AS packets
    FROM period_sources WHERE asn IS NOT NULL GROUP BY family, asn
    UNION ALL
    SELECT 'home' AS scope, family, asn, count(*) AS sources, sum(packets) AS packets
    FROM period_sources WHERE asn IS NOT NULL AND country = '{home}' GROUP BY family, asn
)
SELECT scope, family, place, asn, sources, packets FROM (
    SELECT *, row_number() OVER (PARTITION BY scope, family ORDER BY sources DESC, asn) AS place FROM scoped
) WHERE place <= {top}
ORDER BY scope DESC, family, place
