-- Whose alone a resource is, of the types that are their writer's (Subscription): as a sight calls him.
CREATE TABLE keeper (
    res int8 NOT NULL,
    party int8 NOT NULL,
    PRIMARY KEY (res, party)
);
