// What stands around every screen: the menu, who is signed in, language, dark, the watermark, and that it is a demonstration.
import { LogoutOutlined, MenuOutlined, MoonOutlined, SunOutlined } from "@ant-design/icons";
import { Alert, Button, Flex, Layout, Menu, Space, Tooltip, Typography, Watermark, theme } from "antd";
import { Suspense, lazy, useMemo, useState, useSyncExternalStore, type ComponentType, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link, Navigate, Route, Routes, useLocation } from "react-router";
import { Broken } from "~/ui/Broken";
import { Fresh } from "~/ui/Fresh";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { MAIN, useLanding } from "~/ui/landing";
import { choose, language } from "~/ui/language";
import { Keys } from "./Keys";
import { mayOpen, screens, type Screen } from "./screen";
import { useHere } from "./session";

const GROUPS: Screen["group"][] = ["care", "oversight", "institutions", "platform"];
const pages = screens.flatMap((one) => [{ path: one.path, Page: lazy(one.load) }, ...(one.pages ?? []).map(loaded)]);

function loaded(page: { path: string; load: () => Promise<{ default: ComponentType }> }) {
  return { path: page.path, Page: lazy(page.load) };
}

export function Shell({ dark, onDark, waiting }: { dark: boolean; onDark: (to: boolean) => void; waiting: ReactNode }) {
  const { t } = useTranslation();
  const { client, who, about, leave } = useHere();
  const mark = useSyncExternalStore(client.onWatermark, client.watermark);
  const { pathname } = useLocation();
  useLanding(pathname);
  const { token } = theme.useToken();
  const [narrow, setNarrow] = useState(false);
  const [shut, setShut] = useState(false);
  const mine = useMemo(() => screens.filter((one) => mayOpen(one, who.role)), [who.role]);
  // Who has work of their own begins there, not where everybody may go.
  const home = mine.find((one) => one.roles !== "all") ?? mine[0];
  const open = mine.find((one) => pathname === one.path || pathname.startsWith(`${one.path}/`));
  const items = GROUPS.map((group) => ({
    key: group,
    type: "group" as const,
    label: t(`app.group.${group}`),
    children: mine
      .filter((one) => one.group === group)
      .map((one) => ({ key: one.name, icon: one.icon, label: <Link to={one.path}>{t(`${one.name}.title`)}</Link> })),
  })).filter((one) => one.children.length > 0);
  const other = language() === "en" ? "zh" : "en";
  return (
    <Layout style={{ minHeight: "100vh" }}>
      <a className="skip" href="#main">{t("app.skip")}</a>
      {about.demonstration ? <Alert banner type="warning" title={t("app.demonstration")} /> : null}
      <Layout.Header style={{ background: token.colorBgContainer, borderBottom: `1px solid ${token.colorBorderSecondary}`, padding: "0 16px", height: 48, lineHeight: "48px" }}>
        <Flex justify="space-between" align="center">
          <Space>
            {narrow ? (
              <Button
                type="text" icon={<MenuOutlined />} aria-label={t("app.menu")} aria-expanded={!shut} onClick={() => setShut(!shut)}
              />
            ) : null}
            <Link to="/"><Typography.Text strong style={{ fontSize: 18 }}>{t("app.name")}</Typography.Text></Link>
          </Space>
          <Space>
            {narrow ? null : <Typography.Text>{who.name}</Typography.Text>}
            {narrow ? null : <Typography.Text type="secondary">{t(`app.role.${who.role}`, { defaultValue: who.role })}</Typography.Text>}
            <Button type="text" lang={other === "en" ? "en" : "zh-CN"} onClick={() => void choose(other)}>{t("app.other")}</Button>
            <Tooltip title={t(dark ? "app.light" : "app.dark")}>
              <Button type="text" aria-label={t(dark ? "app.light" : "app.dark")} icon={dark ? <SunOutlined /> : <MoonOutlined />} onClick={() => onDark(!dark)} />
            </Tooltip>
            <Tooltip title={t("app.leave")}>
              <Button type="text" aria-label={t("app.leave")} icon={<LogoutOutlined />} onClick={leave} />
            </Tooltip>
          </Space>
        </Flex>
      </Layout.Header>
      <Layout>
        <Layout.Sider
          breakpoint="lg" collapsedWidth={0} width={208} trigger={null} collapsed={narrow && shut}
          onBreakpoint={(broken) => { setNarrow(broken); setShut(broken); }}
        >
          <nav aria-label={t("app.menu")}>
            <Menu mode="inline" items={items} selectedKeys={open ? [open.name] : []} onClick={() => setShut(true)} style={{ borderInlineEnd: 0 }} />
          </nav>
        </Layout.Sider>
        <Layout.Content id={MAIN} role="main" tabIndex={-1} style={{ padding: 16 }}>
          <Watermark content={mark ? mark.split(" · ") : ""} font={{ color: token.colorFill, fontSize: 13 }} gap={[120, 96]}>
            <Broken at={pathname} say={(error) => <ProblemBox error={error} again={() => window.location.reload()} />}>
              <Suspense fallback={waiting}>
                <Routes>
                  {pages.map(({ path, Page }) => <Route key={path} path={path} element={<Fresh Page={Page} />} />)}
                  <Route path="/" element={home ? <Navigate to={home.path} replace /> : <Nothing say={t("app.nothing")} />} />
                  <Route path="*" element={<Nothing say={t("ui.status.404")} />} />
                </Routes>
              </Suspense>
            </Broken>
          </Watermark>
          <Keys />
        </Layout.Content>
      </Layout>
    </Layout>
  );
}
