//! The E-model: transmission rating R and mean opinion score (ITU-T G.107, 06/2015).

use super::Impairment;
use std::time::Duration;

/// The inputs, named as in the Recommendation; [`Default`] is its table of default values, which rates 93.2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EModel {
    /// Send loudness rating, dB.
    pub slr: f64,
    /// Receive loudness rating, dB.
    pub rlr: f64,
    /// Sidetone masking rating, dB.
    pub stmr: f64,
    /// D-value of the telephone at the sending side.
    pub ds: f64,
    /// D-value of the telephone at the receiving side.
    pub dr: f64,
    /// Talker echo loudness rating, dB.
    pub telr: f64,
    /// Weighted echo path loss, dB.
    pub wepl: f64,
    /// Mean one-way delay of the echo path, ms.
    pub t: f64,
    /// Round-trip delay in a 4-wire loop, ms.
    pub tr: f64,
    /// Absolute one-way delay, ms.
    pub ta: f64,
    /// Quantisation distortion units.
    pub qdu: f64,
    /// Codec and its robustness against loss.
    pub impairment: Impairment,
    /// Packet loss, per cent.
    pub ppl: f64,
    /// Burst ratio, 1 for random loss.
    pub burst_r: f64,
    /// Circuit noise, dBm0p.
    pub nc: f64,
    /// Noise floor at the receiving side, dBmp.
    pub nfor: f64,
    /// Room noise at the sending side, dB(A).
    pub ps: f64,
    /// Room noise at the receiving side, dB(A).
    pub pr: f64,
    /// Advantage factor: what users forgive for the convenience, 0 for a wired phone.
    pub advantage: f64,
}

impl Default for EModel {
    fn default() -> EModel {
        EModel {
            slr: 8.0,
            rlr: 2.0,
            stmr: 15.0,
            ds: 3.0,
            dr: 3.0,
            telr: 65.0,
            wepl: 110.0,
            t: 0.0,
            tr: 0.0,
            ta: 0.0,
            qdu: 1.0,
            impairment: Impairment::G711,
            ppl: 0.0,
            burst_r: 1.0,
            nc: -70.0,
            nfor: -64.0,
            ps: 35.0,
            pr: 35.0,
            advantage: 0.0,
        }
    }
}

/// Transmission rating R.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rating(pub f64);

impl Rating {
    /// The mean opinion score, 1 to 4.5.
    // ITU-T G.107 Annex B.
    pub fn mos(self) -> f64 {
        let r = self.0;
        if r <= 0.0 {
            1.0
        } else if r >= 100.0 {
            4.5
        } else {
            (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7.0e-6).max(1.0)
        }
    }
}

impl EModel {
    /// The defaults with a codec, loss (0 to 1), burst ratio and mouth-to-ear delay as measured in a call.
    pub fn of_call(impairment: Impairment, loss: f64, burst_r: f64, delay: Duration) -> EModel {
        let ta = delay.as_secs_f64() * 1000.0;
        EModel { impairment, ppl: loss * 100.0, burst_r, ta, t: ta, tr: 2.0 * ta, ..EModel::default() }
    }

    /// The rating.
    // ITU-T G.107 §7.1: R = Ro − Is − Id − Ie-eff + A.
    pub fn rating(&self) -> Rating {
        let noise = self.noise();
        let ro = 15.0 - 1.5 * (self.slr + noise);
        Rating(ro - self.simultaneous(ro, noise) - self.delay(ro, noise) - self.equipment() + self.advantage)
    }

    /// No: all noise sources at the 0 dBr point (§7.2).
    fn noise(&self) -> f64 {
        let olr = self.slr + self.rlr;
        let nos = self.ps - self.slr - self.ds - 100.0 + 0.004 * (self.ps - olr - self.ds - 14.0).powi(2);
        let lstr = self.stmr + self.dr;
        let pre = self.pr + 10.0 * (1.0 + 10.0_f64.powf((10.0 - lstr) / 10.0)).log10();
        let nor = self.rlr - 121.0 + pre + 0.008 * (pre - 35.0).powi(2);
        let nfo = self.nfor + self.rlr;
        10.0 * [self.nc, nos, nor, nfo].iter().map(|level| 10.0_f64.powf(level / 10.0)).sum::<f64>().log10()
    }

    /// Is: loudness, sidetone and quantisation, which come with the voice (§7.3).
    fn simultaneous(&self, ro: f64, noise: f64) -> f64 {
        let xolr = self.slr + self.rlr + 0.2 * (64.0 + noise - self.rlr);
        let iolr = 20.0 * ((1.0 + (xolr / 8.0).powi(8)).powf(0.125) - xolr / 8.0);
        let q = 37.0 - 15.0 * self.qdu.log10();
        let g = 1.07 + 0.258 * q + 0.0602 * q * q;
        let (y, z) = ((ro - 100.0) / 15.0 + 46.0 / 8.4 - g / 9.0, 46.0 / 30.0 - g / 40.0);
        let iq = 15.0 * (1.0 + 10.0_f64.powf(y) + 10.0_f64.powf(z)).log10();
        iolr + self.sidetone() + iq
    }

    fn sidetone(&self) -> f64 {
        let echo = (-self.t / 4.0).exp() * 10.0_f64.powf(-self.telr / 10.0);
        let stmro = -10.0 * (10.0_f64.powf(-self.stmr / 10.0) + echo).log10();
        let term = |base: f64, power: i32| (1.0 + base.powi(power)).max(0.0).powf(1.0 / f64::from(power));
        12.0 * term((stmro - 13.0) / 6.0, 8)
            - 28.0 * term((stmro + 1.0) / 19.4, 35)
            - 13.0 * term((stmro - 3.0) / 33.0, 13)
            + 29.0
    }

    /// Id: echo and delay (§7.4).
    fn delay(&self, ro: f64, noise: f64) -> f64 {
        let terv = self.telr - 40.0 * ((1.0 + self.t / 10.0) / (1.0 + self.t / 150.0)).log10()
            + 6.0 * (-0.3 * self.t * self.t).exp();
        let roe = -1.5 * (noise - self.rlr);
        let re = 80.0 + 2.5 * (terv - 14.0);
        let talker =
            ((roe - re) / 2.0 + ((roe - re).powi(2) / 4.0 + 100.0).sqrt() - 1.0) * (1.0 - (-self.t).exp());
        let rle = 10.5 * (self.wepl + 7.0) * (self.tr + 1.0).powf(-0.25);
        let listener = (ro - rle) / 2.0 + ((ro - rle).powi(2) / 4.0 + 169.0).sqrt();
        let absolute = if self.ta <= 100.0 {
            0.0
        } else {
            let x = (self.ta / 100.0).log2();
            25.0 * ((1.0 + x.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (x / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
        };
        talker + listener + absolute
    }

    /// Ie-eff: the codec, and what loss does to it (§7.5).
    fn equipment(&self) -> f64 {
        let Impairment { ie, bpl } = self.impairment;
        let ppl = self.ppl.clamp(0.0, 100.0);
        if ppl == 0.0 { ie } else { ie + (95.0 - ie) * ppl / (ppl / self.burst_r.max(1.0) + bpl) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64, within: f64) {
        assert!((got - expected).abs() <= within, "{got} is not {expected} ± {within}");
    }

    // ITU-T G.107 §7.7: with all defaults R = 93.2.
    /// MR-016: the default values rate 93.2, which is a score of 4.41.
    #[test]
    fn the_default_values_rate_93_2() {
        let rating = EModel::default().rating();
        close(rating.0, 93.2, 0.05);
        close(rating.mos(), 4.41, 0.005);
    }

    // ITU-T G.107 Annex B, table B.1.
    #[test]
    fn ratings_translate_to_scores_as_tabled() {
        for (r, mos) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            // The table is rounded up.
            close(Rating(r).mos(), mos, 0.01);
        }
        assert_eq!((Rating(-5.0).mos(), Rating(120.0).mos(), Rating(3.0).mos()), (1.0, 4.5, 1.0));
    }

    // ITU-T G.107 (7-27) and (7-28): nothing up to 100 ms, then Idd.
    #[test]
    fn delay_alone_costs_what_the_formula_says() {
        let with = |ta| EModel { ta, ..EModel::default() }.rating().0;
        close(with(100.0), with(0.0), 1e-9);
        // X = 1 and X = 2.
        close(
            with(0.0) - with(200.0),
            25.0 * (2.0_f64.powf(1.0 / 6.0) - 3.0 * (1.0 + 1.0 / 729.0_f64).powf(1.0 / 6.0) + 2.0),
            1e-9,
        );
        close(with(0.0) - with(400.0), 24.0, 0.2);
    }

    // ITU-T G.107 (7-29), with G.113 values.
    #[test]
    fn codec_and_loss_cost_what_the_formula_says() {
        let rate = |impairment, loss| EModel::of_call(impairment, loss, 1.0, Duration::ZERO).rating().0;
        let best = rate(Impairment::G711, 0.0);
        close(best - rate(Impairment::G729A, 0.0), 11.0, 1e-9);
        close(best - rate(Impairment::G729A, 0.02), 11.0 + 84.0 * 2.0 / 21.0, 1e-9);
        close(best - rate(Impairment::G711, 0.01), 95.0 / 5.3, 1e-9);
        close(best - rate(Impairment::G711_CONCEALED, 0.01), 95.0 / 26.1, 1e-9);
    }

    #[test]
    fn every_fault_lowers_the_rating_and_none_leaves_the_scale() {
        let call = |loss, burst, delay| {
            EModel::of_call(Impairment::G711_CONCEALED, loss, burst, Duration::from_millis(delay)).rating()
        };
        assert!(call(0.0, 1.0, 20) > call(0.03, 1.0, 20));
        assert!(call(0.03, 1.0, 20) > call(0.03, 4.0, 20));
        assert!(call(0.0, 1.0, 20) > call(0.0, 1.0, 300));
        for loss in [0.0, 0.5, 1.0, 7.0] {
            for delay in [0, 150, 1000, 60_000] {
                let mos = call(loss, 2.0, delay).mos();
                assert!((1.0..=4.5).contains(&mos), "{loss} {delay} {mos}");
            }
        }
    }
}
