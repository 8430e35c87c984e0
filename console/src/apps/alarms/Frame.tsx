// What the pages of the alarm centre share: its title, and the way from one to another.
import { Tabs } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useNavigate } from "react-router";
import { Page } from "~/ui/Page";

const PAGES = ["/alarms", "/alarms/all", "/alarms/duty", "/alarms/figures"] as const;
const NAMES = { "/alarms": "live", "/alarms/all": "all", "/alarms/duty": "duty", "/alarms/figures": "figures" } as const;

export function Frame({ actions, children }: { actions?: ReactNode; children: ReactNode }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const { pathname } = useLocation();
  const go = useNavigate();
  return (
    <Page title={t("title")} say={t("say")} actions={actions}>
      <Tabs
        activeKey={pathname} onChange={(to) => void go(to)} tabBarStyle={{ marginBottom: 0 }} aria-label={t("title")}
        items={PAGES.map((path) => ({ key: path, label: t(`pages.${NAMES[path]}`) }))}
      />
      {children}
    </Page>
  );
}
