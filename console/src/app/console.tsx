// The staff's console: begins languages, session and routes. What is in it stands below `apps/`.
import { QueryClientProvider } from "@tanstack/react-query";
import { App, ConfigProvider, Flex, Spin } from "antd";
import enUS from "antd/locale/en_US";
import zhCN from "antd/locale/zh_CN";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { useTranslation } from "react-i18next";
import { BrowserRouter } from "react-router";
import { beginQueries } from "~/fhir/queries";
import { ProblemBox } from "~/ui/ProblemBox";
import { begin } from "~/ui/language";
import { beginStyles } from "~/ui/styles";
import { themeOf } from "~/ui/theme";
import "./console.css";
import { Session } from "./session";
import { Shell } from "./shell";

const DARK = "kangyun-dark";
const queries = beginQueries();

function Console() {
  const { i18n } = useTranslation();
  const [dark, setDark] = useState(localStorage.getItem(DARK) === "true");
  const darken = (to: boolean) => {
    localStorage.setItem(DARK, String(to));
    setDark(to);
  };
  const waiting = <Flex justify="center" style={{ padding: 96 }}><Spin size="large" /></Flex>;
  return (
    <ConfigProvider locale={i18n.language === "en" ? enUS : zhCN} theme={themeOf(dark)} button={{ autoInsertSpace: false }}>
      <QueryClientProvider client={queries}>
        <Session page="console" waiting={waiting} failed={(error, again) => <div style={{ padding: 24 }}><ProblemBox error={error} again={again} /></div>}>
          <App component={false}>
            <BrowserRouter basename="/console">
              <Shell dark={dark} onDark={darken} waiting={waiting} />
            </BrowserRouter>
          </App>
        </Session>
      </QueryClientProvider>
    </ConfigProvider>
  );
}

const texts = import.meta.glob<Record<string, unknown>>(["./texts/*.json", "../ui/texts/*.json", "../apps/*/texts/*.json"], {
  eager: true,
  import: "default",
});

beginStyles();
void begin(texts).then(() => {
  createRoot(document.getElementById("root") as HTMLElement).render(<StrictMode><Console /></StrictMode>);
});
