//! Names of places, so that a notice of one city is not taken for the rumor about another.

use std::sync::LazyLock;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::token::Tokens;
use crate::text::Folded;

/// One place has one number, whatever language names it.
pub(crate) type PlaceId = u16;

/// A place a word, or its names with `/` between them; of Chinese names longer than two characters the first two are looked
/// for. Names that are ordinary words as well are left out.
const PLACES: &str = "北京/beijing 天津/tianjin 上海/shanghai 重庆/chongqing 河北/hebei 山西/shanxi 辽宁/liaoning 吉林/jilin 黑龙江/heilongjiang 江苏/jiangsu \
    浙江/zhejiang 安徽/anhui 福建/fujian 江西/jiangxi 山东/shandong 河南/henan 湖北/hubei 湖南/hunan 广东/guangdong 广西/guangxi 海南/hainan 四川/sichuan \
    贵州/guizhou 云南/yunnan 陕西/shaanxi 甘肃/gansu 青海/qinghai 宁夏/ningxia 新疆/xinjiang 西藏/tibet 内蒙古 香港/hongkong 澳门/macau 台湾/taiwan \
    石家庄 唐山 秦皇岛 邯郸 保定 张家口 承德 沧州 廊坊 太原 大同 阳泉 长治 晋城 临汾 呼和浩特 包头 赤峰 鄂尔多斯 沈阳 大连 鞍山 抚顺 丹东 锦州 营口 长春 \
    四平 延边 哈尔滨 齐齐哈尔 大庆 佳木斯 牡丹江 绥芬河 南京 无锡 徐州 常州 苏州 南通 连云港 淮安 盐城 扬州 镇江 泰州 宿迁 杭州 宁波 温州 嘉兴 湖州 绍兴 金华 \
    衢州 舟山 台州 丽水 义乌 合肥 芜湖 蚌埠 淮南 马鞍山 安庆 黄山 滁州 阜阳 宿州 六安 亳州 福州 厦门 莆田 三明 泉州 漳州 南平 宁德 南昌 景德镇 九江 新余 鹰潭 \
    赣州 上饶 济南 青岛 淄博 枣庄 东营 烟台 潍坊 济宁 泰安 威海 日照 临沂 德州 聊城 滨州 菏泽 郑州 开封 洛阳 平顶山 安阳 新乡 焦作 濮阳 许昌 漯河 三门峡 南阳 \
    商丘 信阳 周口 驻马店 武汉/wuhan 黄石 十堰 宜昌 襄阳 鄂州 荆门 孝感 荆州 黄冈 咸宁 随州 恩施 长沙 株洲 湘潭 衡阳 邵阳 岳阳 常德 张家界 益阳 郴州 永州 怀化 娄底 \
    广州/guangzhou 韶关 深圳/shenzhen 珠海 汕头 佛山 江门 湛江 茂名 肇庆 惠州 梅州 汕尾 河源 阳江 清远 东莞 潮州 揭阳 云浮 南宁 柳州 桂林 梧州 北海 玉林 海口 三亚 \
    成都 自贡 攀枝花 泸州 德阳 绵阳 广元 遂宁 内江 乐山 南充 眉山 宜宾 广安 达州 雅安 巴中 贵阳 六盘水 遵义 安顺 毕节 铜仁 昆明 曲靖 玉溪 保山 昭通 丽江 普洱 临沧 \
    大理 瑞丽 拉萨 西安 铜川 宝鸡 咸阳 渭南 延安 汉中 榆林 安康 兰州 嘉峪关 天水 武威 张掖 酒泉 西宁 银川 石嘴山 吴忠 乌鲁木齐 喀什 克拉玛依 \
    美国/usa/america/american 日本/japan 韩国/korea 朝鲜 俄罗斯/russia 乌克兰/ukraine 意大利/italy 法国/france 英国/britain/england 德国/germany 西班牙/spain 葡萄牙/portugal \
    印度/india 印尼/indonesia 伊朗/iran 伊拉克/iraq 以色列/israel 叙利亚/syria 土耳其/turkey 埃及/egypt 巴西/brazil 阿根廷/argentina 墨西哥/mexico 加拿大/canada 澳大利亚/australia 新西兰 \
    泰国/thailand 越南/vietnam 缅甸/myanmar 柬埔寨/cambodia 老挝/laos 马来西亚/malaysia 菲律宾/philippines 新加坡/singapore 巴基斯坦/pakistan 阿富汗/afghanistan 南非 尼日利亚/nigeria \
    喀麦隆/cameroon 肯尼亚/kenya 瑞典/sweden 挪威/norway 芬兰/finland 丹麦/denmark 荷兰/netherlands 比利时/belgium 瑞士/switzerland 奥地利/austria 波兰/poland 希腊/greece 塞尔维亚/serbia \
    东京/tokyo 大阪 首尔 纽约 伦敦/london 巴黎/paris 武穴 洪湖 \
    alabama alaska arizona arkansas california colorado connecticut delaware florida hawaii idaho illinois indiana iowa kansas kentucky louisiana maryland massachusetts michigan minnesota \
    mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont wisconsin wyoming chicago houston philadelphia dallas boston seattle \
    detroit denver atlanta miami baltimore scotland wales ireland dublin melbourne sydney toronto vancouver berlin madrid rome mumbai delhi";

static BY_TERM: LazyLock<HashMap<u64, PlaceId, FixedState>> = LazyLock::new(|| {
    let (mut folded, mut tokens) = (Folded::default(), Tokens::default());
    let mut places = HashMap::default();
    for (id, names) in PLACES.split_whitespace().enumerate() {
        for name in names.split('/') {
            folded.fold(name);
            tokens.read(&folded);
            places.extend(tokens.items().first().map(|token| (token.term, id as PlaceId)));
        }
    }
    places
});

/// The place that a term names.
pub(crate) fn place(term: u64) -> Option<PlaceId> {
    BY_TERM.get(&term).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<PlaceId> {
        let (mut folded, mut tokens) = (Folded::default(), Tokens::default());
        folded.fold(text);
        tokens.read(&folded);
        tokens.items().iter().filter_map(|token| place(token.term)).collect()
    }

    #[test]
    fn a_place_is_known_by_all_its_names() {
        assert_eq!(places("俄罗斯放了狮子"), places("Russia released lions"));
        assert_eq!(places("武汉封城").len(), 1);
        assert_ne!(places("武汉"), places("广州"));
        assert!(places("今天吃什么").is_empty());
    }
}
