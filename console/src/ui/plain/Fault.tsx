// What went wrong, in words, with what can be done about it.
import { useTranslation } from "react-i18next";
import { Problem } from "~/fhir/client";
import { wordsOf } from "~/ui/words";

export function Fault({ error, again }: { error: unknown; again?: () => void }) {
  const { t } = useTranslation();
  if (!error) return null;
  const problem = error instanceof Problem ? error : null;
  return (
    <div className="fault" role="alert">
      <p>{wordsOf(error, t)}</p>
      {problem?.request ? <p className="hint">{t("ui.request", { id: problem.request })}</p> : null}
      {again ? <button type="button" className="button" onClick={again}>{t("ui.again")}</button> : null}
    </div>
  );
}
