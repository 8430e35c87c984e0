// One question, its answer, and the way on. What was typed stays where something goes wrong.
import { useEffect, useId, useRef, type InputHTMLAttributes } from "react";

interface Asked extends Pick<InputHTMLAttributes<HTMLInputElement>, "inputMode" | "autoComplete" | "maxLength" | "type"> {
  ask: string;
  hint?: string | undefined;
  unit?: string | undefined;
  value: string;
  onChange: (value: string) => void;
  next: string;
  onNext: () => void;
  back?: { say: string; go: () => void } | undefined;
  busy?: boolean;
}

export function Question({ ask, hint, unit, value, onChange, next, onNext, back, busy = false, ...input }: Asked) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <form
      className="question" noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (value.trim()) onNext();
        else field.current?.focus();
      }}
    >
      <label htmlFor={id}>{ask}</label>
      <div className="answer">
        <input
          ref={field} id={id} type="text" {...input} value={value} aria-describedby={hint ? `${id}-hint` : undefined}
          onChange={(event) => onChange(event.target.value)} enterKeyHint="next"
        />
        {unit ? <span className="unit">{unit}</span> : null}
      </div>
      {hint ? <p id={`${id}-hint`} className="hint">{hint}</p> : null}
      <div className="steps">
        {back ? <button type="button" className="button" onClick={back.go}>{back.say}</button> : null}
        <button type="submit" className="button first" disabled={busy} aria-busy={busy}>{next}</button>
      </div>
    </form>
  );
}
