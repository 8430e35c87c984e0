-- Which contents (Binary) something about a patient names or has named; content is that patient's, there already or not.
CREATE TABLE held_content (
    content int8 NOT NULL,
    holder int8 NOT NULL,
    PRIMARY KEY (content, holder)
);
CREATE INDEX held_content_holder ON held_content (holder);
