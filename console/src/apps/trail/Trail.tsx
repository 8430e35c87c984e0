// The audit administrator's desk: who looked at whom, what was odd, the glass that was broken, and whether all is whole.
import { useTranslation } from "react-i18next";
import { Page } from "~/ui/Page";
import { Parts } from "~/ui/Parts";
import { Alerts } from "./Alerts";
import { Glass } from "./Glass";
import { Looks } from "./Looks";
import { Whole } from "./Whole";

export default function Trail() {
  const { t } = useTranslation("translation", { keyPrefix: "trail" });
  return (
    <Page title={t("title")} say={t("say")}>
      <Parts items={[
        { key: "looks", label: t("looks"), children: <Looks /> },
        { key: "alerts", label: t("alerts"), children: <Alerts /> },
        { key: "glass", label: t("glass"), children: <Glass /> },
        { key: "whole", label: t("whole"), children: <Whole /> },
      ]} />
    </Page>
  );
}
