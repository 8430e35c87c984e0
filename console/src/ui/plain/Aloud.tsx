// Reading aloud, by choice. Where the browser has no voice there is no button.
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { language } from "~/ui/language";
import { Glyph } from "./Glyph";

export function Aloud({ text }: { text: string }) {
  const { t } = useTranslation();
  const [speaking, setSpeaking] = useState(false);
  const voice = "speechSynthesis" in window ? window.speechSynthesis : null;
  useEffect(() => () => voice?.cancel(), [voice]);
  if (!voice) return null;
  const turn = () => {
    voice.cancel();
    if (speaking) {
      setSpeaking(false);
      return;
    }
    const said = new SpeechSynthesisUtterance(text);
    said.lang = language() === "en" ? "en" : "zh-CN";
    said.rate = 0.85;
    said.onend = said.onerror = () => setSpeaking(false);
    setSpeaking(true);
    voice.speak(said);
  };
  return (
    <button type="button" className="button no-print" aria-pressed={speaking} onClick={turn}>
      <Glyph name="sound" />{t(speaking ? "app.silent" : "app.aloud")}
    </button>
  );
}
