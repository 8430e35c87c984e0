-- Which tokens bring which labels by the rules that label_edition names: for rows that are still to be labelled by them.
CREATE TABLE label_token (
    token int8 PRIMARY KEY,
    labels int8 NOT NULL
);
