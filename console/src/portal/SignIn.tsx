// Signing in, one question a page: the telephone, the code that was sent to it, and the first time who one is.
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ask, type Step, type Told } from "./entrance";
import { Fault } from "~/ui/plain/Fault";
import { Question } from "~/ui/plain/Question";
import type { About } from "./session";

interface Given {
  phone: string;
  code: string;
  name: string;
  number: string;
  desk: string;
  desk_code: string;
}

/** What is asked, in turn: by the telephone alone, when it is not known yet, and with what a desk has given. */
const WAYS: Record<"phone" | "bind" | "desk", (keyof Given)[]> = {
  phone: ["phone", "code"],
  bind: ["name", "number"],
  desk: ["desk", "desk_code", "phone", "code"],
};
const FIELDS: Record<keyof Given, { inputMode?: "numeric" | "tel"; autoComplete: string; maxLength: number }> = {
  phone: { inputMode: "tel", autoComplete: "tel", maxLength: 20 },
  code: { inputMode: "numeric", autoComplete: "one-time-code", maxLength: 12 },
  name: { autoComplete: "name", maxLength: 100 },
  number: { autoComplete: "off", maxLength: 20 },
  desk: { autoComplete: "off", maxLength: 60 },
  desk_code: { inputMode: "numeric", autoComplete: "off", maxLength: 20 },
};

export function SignIn({ about, ended, onSignedIn }: { about: About; ended: boolean; onSignedIn: () => void }) {
  const { t } = useTranslation();
  const [way, setWay] = useState<keyof typeof WAYS>("phone");
  const [at, setAt] = useState(0);
  const [given, setGiven] = useState<Given>({ phone: "", code: "", name: "", number: "", desk: "", desk_code: "" });
  const [sent, setSent] = useState<Told>({});
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const field = WAYS[way][at] ?? "phone";
  const go = (to: keyof typeof WAYS, place = 0) => {
    setProblem(null);
    setWay(to);
    setAt(place);
  };
  const asked = async (step: Step, body: object): Promise<Told | null> => {
    setBusy(true);
    setProblem(null);
    try {
      return await ask(step, body);
    } catch (error) {
      setProblem(error);
      return null;
    } finally {
      setBusy(false);
    }
  };
  const send = async (channel: "sms" | "voice") => {
    const told = await asked("code", { phone: given.phone, channel });
    if (!told) return;
    setSent(told);
    setAt(WAYS[way].indexOf("code"));
  };
  const finish = async () => {
    const { challenge, ticket } = sent;
    const { code, name, number, desk, desk_code } = given;
    const told =
      way === "bind" ? await asked("bind", { ticket, name, number })
      : way === "desk" ? await asked("desk", { desk, desk_code, challenge, code })
      : await asked("sign-in", { challenge, code });
    if (told?.signed_in) onSignedIn();
    if (told?.ticket) {
      setSent(told);
      go("bind");
    }
  };
  const next = () => {
    if (field === "phone") void send("sms");
    else if (at === WAYS[way].length - 1) void finish();
    else setAt(at + 1);
  };
  return (
    <section className="card sign-in">
      {ended ? <p role="status">{t("app.sign.ended")}</p> : null}
      <Question
        key={field}
        ask={t(`app.sign.${field}`)} hint={t(`app.sign.hint.${field}`, { minutes: sent.minutes, defaultValue: "" })}
        value={given[field]} onChange={(value) => setGiven({ ...given, [field]: value })}
        {...FIELDS[field]} busy={busy} next={t(field === "phone" ? "app.sign.send" : "app.sign.next")} onNext={next}
        back={at > 0 || way !== "phone" ? { say: t("app.sign.before"), go: () => (at > 0 ? setAt(at - 1) : go("phone")) } : undefined}
      />
      {field === "code" && sent.demonstration ? <p className="shown" role="status">{t("app.sign.demonstration", { code: sent.demonstration })}</p> : null}
      <Fault error={problem} />
      {field === "code" ? (
        <div className="others">
          <button type="button" className="button quiet" disabled={busy} onClick={() => void send("sms")}>{t("app.sign.again")}</button>
          <button type="button" className="button quiet" disabled={busy} onClick={() => void send("voice")}>{t("app.sign.voice")}</button>
        </div>
      ) : null}
      {way === "desk" ? null : <button type="button" className="button quiet" onClick={() => go("desk")}>{t("app.sign.byDesk")}</button>}
      {way === "phone" && at === 0 ? <a className="button quiet" href="/account?page=my">{t("app.sign.byPassword")}</a> : null}
      {about.demonstration && field === "phone" ? <p className="hint">{t("app.sign.trial")}</p> : null}
    </section>
  );
}
