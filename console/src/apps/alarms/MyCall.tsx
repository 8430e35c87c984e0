// Calling somebody: 120, the family doctor, the operator's telephone.
import { useTranslation } from "react-i18next";
import { useMe } from "~/portal/session";
import { Glyph } from "~/ui/plain/Glyph";
import { Card } from "~/ui/plain/parts";

export default function MyCall() {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const { about } = useMe();
  return (
    <>
      <Card title={t("urgent")}>
        <p>{t("when")}</p>
        <a className="button call first" href="tel:120"><Glyph name="call" />{t("call120")}</a>
      </Card>
      <Card title={t("help")}>
        <a className="button call" href={`tel:${about.help}`}><Glyph name="call" />{about.help}</a>
      </Card>
    </>
  );
}
