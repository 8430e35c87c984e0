-- `repeat`: the ladder has come to its end, and the desk and the head are told again.
ALTER TABLE alarm_timer DROP CONSTRAINT alarm_timer_kind_check;
ALTER TABLE alarm_timer ADD CONSTRAINT alarm_timer_kind_check
    CHECK (kind IN ('tell', 'promise', 'hand-over', 'tell-one', 'repeat'));
