-- A row of the audit trail as a process packs it (store/rows.py); what one actor's rows have in common stands together.
CREATE TYPE audit_row AS (
    institution int4, actor text, purpose text, role text, client text, parties int8[],
    instant timestamptz, outcome int2, about int8, action text, shape text, source text, request text, way text,
    patients int8[]
);
