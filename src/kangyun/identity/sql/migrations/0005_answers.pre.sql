-- What somebody said when he answered a question, and the act that followed: taken back, it opens the question again.
ALTER TABLE resident_question ADD COLUMN said bytea; -- sealed: the reason
ALTER TABLE resident_question ADD COLUMN act int8; -- NULL: nothing was moved or bound
CREATE INDEX resident_question_act ON resident_question (act) WHERE act IS NOT NULL;
CREATE INDEX resident_question_answered ON resident_question (answered, id) WHERE answered IS NOT NULL;
