// One question, its answer, and the way on. What was typed stays where something goes wrong.
import { useEffect, useId, useRef, useState, type InputHTMLAttributes } from "react";
import { Mark } from "./parts";

interface Asked extends Pick<InputHTMLAttributes<HTMLInputElement>, "inputMode" | "autoComplete" | "maxLength" | "type"> {
  ask: string;
  hint?: string | undefined;
  unit?: string | undefined;
  value: string;
  onChange: (value: string) => void;
  next: string;
  onNext: () => void;
  /** What is said of an answer that cannot be one; nothing of one that can. */
  wrong?: ((value: string) => string | undefined) | undefined;
  back?: { say: string; go: () => void } | undefined;
  busy?: boolean;
}

export function Question({ ask, hint, unit, value, onChange, next, onNext, wrong, back, busy = false, ...input }: Asked) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState("");
  useEffect(() => field.current?.focus(), []);
  return (
    <form
      className="question" noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const fault = wrong?.(value) ?? "";
        setSaid(fault);
        if (value.trim() && !fault) onNext();
        else field.current?.focus();
      }}
    >
      <label htmlFor={id}>{ask}</label>
      <div className="answer">
        <input
          ref={field} id={id} type="text" {...input} value={value} aria-invalid={!!said}
          aria-describedby={[hint && `${id}-hint`, said && `${id}-said`].filter(Boolean).join(" ") || undefined}
          onChange={(event) => onChange(event.target.value)} enterKeyHint="next"
        />
        {unit ? <span className="unit">{unit}</span> : null}
      </div>
      {hint ? <p id={`${id}-hint`} className="hint">{hint}</p> : null}
      {said ? <p id={`${id}-said`} role="alert"><Mark kind="note">{said}</Mark></p> : null}
      <div className="steps">
        {back ? <button type="button" className="button" onClick={back.go}>{back.say}</button> : null}
        <button type="submit" className="button first" disabled={busy} aria-busy={busy}>{next}</button>
      </div>
    </form>
  );
}
