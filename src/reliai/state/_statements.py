"""The SQL of the PostgreSQL state: each step is sent at once, and is one transaction.

Names in braces are filled in with literals.
"""

from __future__ import annotations

from typing import Final

__all__ = ["NOW", "SCHEMA", "STATEMENTS"]

NOW: Final = "extract(epoch FROM clock_timestamp())::float8"
"""Unix seconds by the server's clock: what `{now}` stands for."""

SCHEMA: Final = """
SELECT pg_advisory_xact_lock(hashtextextended('reliai_state', 0));
CREATE TABLE IF NOT EXISTS reliai_state_entries (
    key text PRIMARY KEY, value bytea NOT NULL, version bigint NOT NULL, until float8
) WITH (fillfactor = 70);
CREATE TABLE IF NOT EXISTS reliai_state_counts (
    key text NOT NULL, bucket bigint NOT NULL, place int NOT NULL,
    amount float8 NOT NULL, until float8 NOT NULL,
    PRIMARY KEY (key, bucket, place)
) WITH (fillfactor = 70);
CREATE TABLE IF NOT EXISTS reliai_state_buckets (
    key text PRIMARY KEY, level float8 NOT NULL, at float8 NOT NULL, until float8 NOT NULL
) WITH (fillfactor = 70);
CREATE TABLE IF NOT EXISTS reliai_state_leases (
    key text PRIMARY KEY, owner text NOT NULL, epoch bigint NOT NULL, until float8 NOT NULL
) WITH (fillfactor = 70)
"""
"""Two processes that make the same table at once would disturb one another, hence the lock."""

STATEMENTS: Final = {
    "limits": "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; "
    "SET LOCAL statement_timeout = {milliseconds}",
    "prepared": "SELECT to_regclass('reliai_state_leases') IS NOT NULL",
    "nothing": "SELECT 1 WHERE false",
    "now": "SELECT {now}",
    # In one order for all, so that no two wait for one another.
    "add": """
INSERT INTO reliai_state_counts AS c (key, bucket, place, amount, until)
SELECT key, bucket, place, sum(amount), {now} + max(keep) * max(width)
FROM (VALUES {counts}) AS asked (key, bucket, width, keep, place, amount)
WHERE bucket >= floor({now} / width) - keep + 1
GROUP BY key, bucket, place ORDER BY key, bucket, place
ON CONFLICT (key, bucket, place) DO UPDATE
SET amount = c.amount + excluded.amount, until = excluded.until""",
    "counted": """
SELECT asked.number, c.bucket, c.amount
FROM (VALUES {asked}) AS asked (number, key, width, keep)
JOIN reliai_state_counts AS c
ON c.key = asked.key AND c.bucket >= floor({now} / asked.width) - asked.keep + 1
ORDER BY asked.number, c.bucket, c.place""",
    "entries": """
SELECT asked.number, e.value, e.version
FROM (VALUES {asked}) AS asked (number, key)
JOIN reliai_state_entries AS e
ON e.key = asked.key AND (e.until IS NULL OR e.until > {now})""",
    "lock": "SELECT pg_advisory_xact_lock(hashtextextended({key}, 0))",
    "reserve": """
WITH asked (place, amount, cap) AS (VALUES {amounts}),
oldest (bucket) AS (SELECT floor({now} / {width}) - {keep} + 1),
known (place, total) AS (
    SELECT c.place, sum(c.amount) FROM reliai_state_counts AS c, oldest
    WHERE c.key = {key} AND c.bucket >= oldest.bucket GROUP BY c.place
),
fits (ok) AS (
    SELECT bool_and(cap IS NULL OR coalesce(total, 0) + amount <= cap * (1 + 1e-9))
    FROM asked LEFT JOIN known USING (place)
),
added AS (
    INSERT INTO reliai_state_counts AS c (key, bucket, place, amount, until)
    SELECT {key}, {bucket}, place, amount, {now} + {keep} * {width}
    FROM asked, fits, oldest WHERE fits.ok AND {bucket} >= oldest.bucket
    ON CONFLICT (key, bucket, place) DO UPDATE
SET amount = c.amount + excluded.amount, until = excluded.until
)
SELECT ok FROM fits""",
    # The mode: 0 all or nothing, 1 what there is, 2 a correction, whatever there is.
    "take": """
WITH known (level, now) AS (
    SELECT coalesce(
        least({capacity}, b.level + greatest(0, moment.now - b.at) * {rate}), {capacity}
    ), moment.now
    FROM (SELECT {now} AS now) AS moment
    LEFT JOIN reliai_state_buckets AS b ON b.key = {key}
),
given (granted, level, now) AS (
    SELECT CASE
        WHEN {mode} = 2 OR {amount} <= level THEN {amount}
        WHEN {mode} = 1 THEN greatest(0, level) ELSE 0
    END, level, now FROM known
),
kept (granted, level, now, before) AS (
    SELECT granted, least({capacity}, level - granted), now, level FROM given
),
written AS (
    INSERT INTO reliai_state_buckets (key, level, at, until)
    SELECT {key}, level, now, now + ({capacity} - level) / {rate} FROM kept
    ON CONFLICT (key) DO UPDATE
    SET level = excluded.level, at = excluded.at, until = excluded.until
)
SELECT granted, level, CASE
    WHEN granted < {amount} THEN ({amount} - before) / {rate} ELSE 0
END FROM kept""",
    "put": """
INSERT INTO reliai_state_entries AS e (key, value, version, until)
VALUES ({key}, {value}, 1, {now} + {ttl})
ON CONFLICT (key) DO UPDATE SET
    value = excluded.value, until = excluded.until,
    version = CASE WHEN e.until <= {now} THEN 1 ELSE e.version + 1 END
WHERE {expected} IS NULL OR e.until <= {now}
RETURNING version""",
    "replace": """
UPDATE reliai_state_entries
SET value = {value}, version = version + 1, until = {now} + {ttl}
WHERE key = {key} AND version = {expected} AND (until IS NULL OR until > {now})
RETURNING version""",
    "delete": "DELETE FROM reliai_state_entries WHERE key = {key}",
    "lease": """
INSERT INTO reliai_state_leases AS l (key, owner, epoch, until)
VALUES ({key}, {owner}, 1, {now} + {ttl})
ON CONFLICT (key) DO UPDATE SET
    owner = excluded.owner, until = excluded.until,
    epoch = CASE WHEN l.owner = excluded.owner AND l.until > {now}
        THEN l.epoch ELSE l.epoch + 1 END
WHERE l.owner = excluded.owner OR l.until <= {now}
RETURNING epoch""",
    "release": "UPDATE reliai_state_leases SET until = 0 WHERE key = {key} AND owner = {owner}",
    "sweep": """
DELETE FROM {table} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM {table} WHERE until <= {now} LIMIT 10000 FOR UPDATE SKIP LOCKED
))""",
}
"""By name."""
