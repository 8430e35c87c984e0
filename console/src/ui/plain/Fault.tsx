// What went wrong, in words, with what can be done about it.
import { useTranslation } from "react-i18next";
import { Problem } from "~/fhir/client";

export function Fault({ error, again }: { error: unknown; again?: () => void }) {
  const { t } = useTranslation();
  if (!error) return null;
  const problem = error instanceof Problem ? error : null;
  const words = problem?.message || t(`ui.status.${problem?.status ?? 500}`, { defaultValue: t("ui.status.500") });
  return (
    <div className="fault" role="alert">
      <p>{words}</p>
      {problem?.request ? <p className="hint">{t("ui.request", { id: problem.request })}</p> : null}
      {again ? <button type="button" className="button" onClick={again}>{t("ui.again")}</button> : null}
    </div>
  );
}
