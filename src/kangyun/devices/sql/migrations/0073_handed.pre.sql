-- `tell-one`: who an alarm was handed to is told of it.
ALTER TABLE alarm_timer DROP CONSTRAINT alarm_timer_kind_check;
ALTER TABLE alarm_timer ADD CONSTRAINT alarm_timer_kind_check
    CHECK (kind IN ('tell', 'promise', 'hand-over', 'tell-one'));
