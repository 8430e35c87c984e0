// Two languages, Chinese first: texts are found beside what they belong to.
import i18next from "i18next";
import { initReactI18next } from "react-i18next";

export type Language = "zh" | "en";
const KEY = "kangyun-language";

/** Begins with the texts of this page. found: `import.meta.glob` of the files texts/{zh,en}.json, each below its name. */
export async function begin(found: Record<string, Record<string, unknown>>): Promise<void> {
  const resources: Record<Language, { translation: Record<string, unknown> }> = {
    zh: { translation: {} },
    en: { translation: {} },
  };
  for (const [path, texts] of Object.entries(found)) {
    const language = path.endsWith("/en.json") ? "en" : "zh";
    const folder = path.split("/").at(-3) ?? "";
    resources[language].translation[folder === "." ? "app" : folder] = texts;
  }
  await i18next.use(initReactI18next).init({
    resources,
    lng: chosen(),
    fallbackLng: "zh",
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  marked();
}

export const language = (): Language => (i18next.language === "en" ? "en" : "zh");

export async function choose(to: Language): Promise<void> {
  localStorage.setItem(KEY, to);
  await i18next.changeLanguage(to);
  marked();
}

function chosen(): Language {
  return localStorage.getItem(KEY) === "en" ? "en" : "zh";
}

function marked(): void {
  document.documentElement.lang = language() === "en" ? "en" : "zh-CN";
}
