// A question or a complaint about one look: it goes to the audit administrator with the sentence that it is about.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { parameters, type Parts } from "~/fhir/parameters";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";

interface About {
  patient: string;
  look: Parts;
  close: () => void;
}

export function AskLook({ patient, look, close }: About) {
  const { t } = useTranslation("translation", { keyPrefix: "who_looked" });
  const { client } = useMe();
  const queries = useQueryClient();
  const id = useId();
  const [words, setWords] = useState("");
  const send = useMutation({
    mutationFn: (kind: "ask" | "complain") =>
      client.post(`Patient/${patient}/$ask-look`, parameters({
        kind, words: words.trim(), text: look.text("text"), first: look.text("first"), who: look.text("who"),
      })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["look-questions"] }),
  });
  if (send.isSuccess) return <p role="status">{t("sent")}</p>;
  const ready = words.trim().length >= 2 && !send.isPending;
  return (
    <>
      <label htmlFor={id}>{t("words")}</label>
      <textarea id={id} className="words" value={words} maxLength={1000} onChange={(event) => setWords(event.target.value)} />
      <p className="hint">{t("wordsHint")}</p>
      <Fault error={send.error} />
      <div className="steps">
        <button type="button" className="button" onClick={close}>{t("cancel")}</button>
        <button type="button" className="button" disabled={!ready} onClick={() => send.mutate("ask")}>{t("justAsk")}</button>
        <button type="button" className="button first" disabled={!ready} onClick={() => send.mutate("complain")}>{t("complain")}</button>
      </div>
    </>
  );
}
