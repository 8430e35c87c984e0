// The design language on top of Ant Design: calm, dense where professionals work. Contrast is that of WCAG AA.
import { theme, type ThemeConfig } from "antd";

const FONTS = `"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", system-ui, sans-serif`;

export function themeOf(dark: boolean): ThemeConfig {
  return {
    cssVar: { key: "kangyun" },
    algorithm: dark ? [theme.darkAlgorithm, theme.compactAlgorithm] : [theme.defaultAlgorithm, theme.compactAlgorithm],
    token: {
      // Who has asked the machine for it sees nothing move.
      motion: !window.matchMedia("(prefers-reduced-motion: reduce)").matches,
      colorPrimary: dark ? "#1f7a6c" : "#0b6b5d",
      colorLink: dark ? "#8fe0d1" : "#0b6b5d",
      colorInfo: dark ? "#5aa9e6" : "#0f5fa8",
      colorError: dark ? "#ff7b72" : "#b42318",
      colorWarning: dark ? "#e3a008" : "#9a5b00",
      colorSuccess: dark ? "#56b870" : "#216e39",
      colorTextDescription: dark ? "#b4bcc4" : "#4d5761",
      colorTextPlaceholder: dark ? "#9aa4ad" : "#5f6b76",
      // Those that Ant Design derives from dark colours are muddy.
      ...(dark ? {} : {
        colorWarningBg: "#fff8eb", colorWarningBorder: "#f0d9a8", colorInfoBg: "#eef5fb", colorInfoBorder: "#bcd6ee",
        colorErrorBg: "#fdf0ee", colorErrorBorder: "#f2c4be", colorSuccessBg: "#eef7f0", colorSuccessBorder: "#b9dcc3",
      }),
      borderRadius: 6,
      fontFamily: FONTS,
      fontSize: 14,
    },
    components: {
      Tabs: { itemSelectedColor: dark ? "#8fe0d1" : "#0b6b5d", inkBarColor: dark ? "#8fe0d1" : "#0b6b5d" },
      Layout: { siderBg: dark ? "#141414" : "#ffffff" },
      Menu: {
        itemSelectedBg: dark ? "#123d36" : "#e3f2ef",
        itemSelectedColor: dark ? "#8fe0d1" : "#0b6b5d",
        groupTitleColor: dark ? "#b4bcc4" : "#4d5761",
        darkItemBg: "#141414",
      },
    },
  };
}
