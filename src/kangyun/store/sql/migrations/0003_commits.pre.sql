-- What `record_commits` is told of each commit: it writes several in one transaction.
CREATE TYPE commit_row AS (
    institution int4, historic bool, depth int2, actor text, purpose text, origin text, request text,
    res int8[], versions int4[], digest bytea,
    action text, outcome int2, shape text, source text, patients int8[]     -- of the audit row
);
