-- What all did on a day is asked for at once.
CREATE INDEX audit_day_day ON audit_day (day);
