// What went wrong, in words, with what can be done about it. What was typed stays where it is.
import { Alert, Button } from "antd";
import { useTranslation } from "react-i18next";
import { Problem } from "~/fhir/client";
import { wordsOf } from "./words";

export function ProblemBox({ error, again }: { error: unknown; again?: () => void }) {
  const { t } = useTranslation();
  if (!error) return null;
  const problem = error instanceof Problem ? error : null;
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      title={wordsOf(error, t)}
      description={problem?.request ? t("ui.request", { id: problem.request }) : undefined}
      action={again ? <Button size="small" onClick={again}>{t("ui.again")}</Button> : undefined}
    />
  );
}
