"""One card for everything (居民健康卡, 一卡通用): which resident is here, by whatever code he carries."""
